//! Where a request comes from. Only the host of a function knows: Lambda tells it with the event, a server by the connection.

use std::net::IpAddr;

use axum::Extension;

/// The address of the client, in the extensions of a request. Never taken from a header, which anybody could set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address as a handler is given it; none where the host does not know it.
    #[must_use]
    pub fn of(extension: Option<Extension<Self>>) -> Option<IpAddr> {
        extension.map(|Extension(Self(address))| address)
    }
}
