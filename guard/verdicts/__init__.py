"""What building and testing gave: records, their store, sharing, trust."""
