"""The six dialects that the scripted upstream speaks, one file each."""
