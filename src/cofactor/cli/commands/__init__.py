"""The commands and their options, one file each."""
