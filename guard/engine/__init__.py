"""The container engine: build context, build, test run. The only place that imports its SDK."""
