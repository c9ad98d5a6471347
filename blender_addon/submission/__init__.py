"""From arguments and objects of the scene to new jobs."""
