"""Network parts that engines share."""
