"""The eight stages of a build, one file each."""
