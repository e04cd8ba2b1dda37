"""The dialects of the scripted upstream, one file each."""
