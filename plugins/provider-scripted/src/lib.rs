//! Models without a network: streams, thinks, calls tools and fails as its script says.
