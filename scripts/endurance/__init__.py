"""What takes minutes: syncs that are killed, a cluster that loses a node, a store that is used for long."""
