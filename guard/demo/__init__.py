"""The incident of March 2016, small: three repositories, real hooks, a real engine."""
