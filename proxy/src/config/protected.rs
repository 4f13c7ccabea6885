//! Protected mode: a server that was bound to the world without a password serves only its own
//! machine, until somebody decides otherwise.

use std::net::IpAddr;

use super::Config;

/// The error for a client that protected mode refuses: Redis's words but for the sentence about
/// CONFIG REWRITE, which this server does not have. Without the leading `-` and the line end.
pub const DENIED: &str = "DENIED Redis is running in protected mode because protected mode is \
    enabled and no password is set for the default user. In this mode connections are only \
    accepted from the loopback interface. If you want to connect from external computers to Redis \
    you may adopt one of the following solutions: 1) Just disable protected mode sending the \
    command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from \
    the same host the server is running, however MAKE SURE Redis is not publicly accessible from \
    internet if you do so. 2) Alternatively you can just disable the protected mode by editing the \
    Redis configuration file, and setting the protected mode option to 'no', and then restarting \
    the server. 3) If you started the server manually just for testing, restart it with the \
    '--protected-mode no' option. 4) Setup a an authentication password for the default user. \
    NOTE: You only need to do one of the above things in order for the server to start accepting \
    connections from the outside.";

impl Config {
    /// Whether a client that connects from `peer` is to be answered with [`DENIED`] and closed.
    #[must_use]
    pub fn denies(&self, peer: IpAddr) -> bool {
        self.protected_mode && !self.requirepass.is_set() && !peer.to_canonical().is_loopback()
    }
}
