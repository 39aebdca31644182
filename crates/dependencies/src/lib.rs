//! Databases, caches, queues and object stores as dependencies of a lameduck service.
//!
//! One file and one feature for each kind. A kind implements [`lameduck::DependencyKind`]: operators configure it
//! (`dependencies: {NAME: {KIND: …}}`), the start waits for it, it is checked while the service serves, and released at
//! the end in reverse order. What is not compiled is not offered.
