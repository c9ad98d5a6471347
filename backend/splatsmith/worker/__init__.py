"""The worker: carries out jobs in a process of its own, one after another."""
