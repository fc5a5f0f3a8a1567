"""What a build and an evaluation of some size would take, from a short measurement on this machine."""
