"""`rat`, the gateway in a shell; one file a command, imported when the command is run."""
