//! What Kubernetes knows about this pod, as facts.
