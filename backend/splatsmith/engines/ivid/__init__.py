"""ivid: a class as RGBD views, each new one conditioned on those before it."""
