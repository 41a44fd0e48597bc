//! What can go wrong with the provider, and what to look at then. No message holds a token, a secret or anything about a person.

/// Why somebody could not be identified.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The machine lacks what HTTPS needs.
    #[error("the sign-in provider cannot be called from this machine ({0})")]
    Client(String),
    /// The provider did not answer.
    #[error("the sign-in provider's {what} cannot be reached ({reason})")]
    Unreachable {
        /// Which part of it.
        what: &'static str,
        /// Why, without addresses.
        reason: &'static str,
    },
    /// It answered with a status that is no success.
    #[error("the sign-in provider's {what} answers {status}")]
    Status {
        /// Which part of it.
        what: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// It answered with something else than the protocol says.
    #[error("the sign-in provider's {what} answers what cannot be read")]
    Unreadable {
        /// Which part of it.
        what: &'static str,
    },
    /// It names itself otherwise than our settings do.
    #[error("the sign-in provider names itself {found:?}, not as KINLINK_OIDC_ISSUER does")]
    OtherIssuer {
        /// Its name for itself.
        found: String,
    },
    /// One of its addresses is not protected.
    #[error("the sign-in provider's {what} is not an https address")]
    Unprotected {
        /// Which part of it.
        what: &'static str,
    },
    /// It refused what we sent, by a code of the protocol.
    #[error("the sign-in provider refuses: {0}")]
    Refused(String),
    /// It said what must not be believed.
    #[error("the sign-in provider's answer is not to be trusted: {0}")]
    Untrusted(#[from] Fault),
}

/// What is wrong with what the provider says of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The parameter `iss` beside the code.
    #[error("the answer names another provider, or none where one has to stand")]
    AnswerIssuer,
    /// Not a token at all.
    #[error("the ID token cannot be read")]
    Malformed,
    /// An algorithm that proves nothing, or that we do not take.
    #[error("the ID token is signed in no way that is taken here")]
    Algorithm,
    /// No key of the provider's has this id.
    #[error("the ID token is signed with a key that the provider does not publish")]
    UnknownKey,
    /// The signature.
    #[error("the ID token's signature is wrong")]
    Signature,
    /// `iss`.
    #[error("the ID token is another provider's")]
    Issuer,
    /// `aud`.
    #[error("the ID token is for another application")]
    Audience,
    /// `azp`.
    #[error("the ID token was issued to another application")]
    AuthorizedParty,
    /// `exp`.
    #[error("the ID token has expired")]
    Expired,
    /// `iat`, `nbf`.
    #[error("the ID token is from the future")]
    Future,
    /// `nonce`.
    #[error("the ID token belongs to another sign-in")]
    Nonce,
    /// `sub`.
    #[error("the ID token names nobody")]
    Subject,
    /// `sub` of the user info.
    #[error("the user info is about somebody else than the ID token")]
    OtherSubject,
}

impl OidcError {
    /// Whether the same may work a little later without anybody changing anything.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }

    /// What to look at, for whoever runs Kinlink.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Client(_) => "Check that the machine has root certificates.",
            Self::Unreachable { .. } => {
                "Check KINLINK_OIDC_ISSUER, that the provider runs, and that this machine may call it over HTTPS."
            }
            Self::Status { .. } | Self::Unreadable { .. } => {
                "Check that KINLINK_OIDC_ISSUER is the address below which .well-known/openid-configuration lies."
            }
            Self::OtherIssuer { .. } => {
                "Set KINLINK_OIDC_ISSUER to the provider's name for itself, letter by letter; a slash at its end counts."
            }
            Self::Unprotected { .. } => "Have the provider use https for all its addresses.",
            Self::Refused(_) => {
                "Check KINLINK_OIDC_CLIENT_ID, KINLINK_OIDC_CLIENT_SECRET and KINLINK_OIDC_SCOPES, and that the provider \
                 knows the address to come back to: KINLINK_PUBLIC_URL followed by /admin/sign-in/callback."
            }
            Self::Untrusted(Fault::Expired | Fault::Future) => "Check the clocks of this machine and of the provider.",
            Self::Untrusted(Fault::Audience | Fault::AuthorizedParty) => {
                "Check KINLINK_OIDC_CLIENT_ID, and that the provider issues its tokens for that client alone."
            }
            Self::Untrusted(Fault::Algorithm | Fault::UnknownKey | Fault::Signature) => {
                "Check that the provider signs ID tokens with an RSA, ECDSA or Ed25519 key that its jwks_uri shows."
            }
            Self::Untrusted(_) => {
                "Try once more. If it happens again, check that nothing between here and the provider changes its answers."
            }
        }
    }
}
