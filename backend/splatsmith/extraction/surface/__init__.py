"""From pictures with depths to a bare triangle surface."""
