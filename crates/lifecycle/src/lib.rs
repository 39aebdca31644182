//! The life of a service process as a pure machine: phases, events, effects, budget, ledger.
