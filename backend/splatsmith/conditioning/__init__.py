"""What a request's prompt and picture become before an engine sees them."""
