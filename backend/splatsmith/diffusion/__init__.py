"""Samplers that engines share."""
