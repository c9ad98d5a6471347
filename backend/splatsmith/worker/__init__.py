"""The worker process: runs jobs, one after another."""
