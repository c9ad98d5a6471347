"""Parts of the published systems that no engine uses, for recomputing their cases."""
