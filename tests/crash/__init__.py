"""Crashes: processes that are killed, disks that are full, files that change, and two runs at once."""
