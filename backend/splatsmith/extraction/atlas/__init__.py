"""UV atlas: charts cut, flattened and packed."""
