//! Where a request comes from. Only the host of a function knows: Lambda tells it with the event, a server by the connection.

use std::net::IpAddr;

/// The address of the client, in the extensions of a request. Never taken from a header, which anybody could set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);
