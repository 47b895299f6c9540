"""What a board says, written for the outside: one file for each format. Records and boards are read, never changed."""
