//! `kinlink tokens`: keys to the staff API.

use kinlink_domain::{ids::TokenId, staff::StaffRole};
use kinlink_service::{
    ServiceError,
    access::{self, Token},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, table, time, time_or_dash},
    failure::Failure,
    local::Local,
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List tokens, without their secrets
    List,
    /// Make a token; its secret is shown this once
    Create {
        /// What it is for
        name: String,
        /// What it may do: viewer, approver, safeguarding or administrator
        #[arg(long, default_value = "viewer", value_parser = role)]
        role: StaffRole,
        /// Days until it stops working; without, it never does
        #[arg(long)]
        days: Option<u32>,
    },
    /// Revoke a token, at once
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

pub(super) fn role(code: &str) -> Result<StaffRole, String> {
    StaffRole::from_code(code).ok_or_else(|| format!("say one of {}", StaffRole::CODES.join(", ")))
}

fn view(token: &Token) -> Value {
    json!({
        "id": token.id, "name": token.name, "role": token.role, "created_at": token.created_at,
        "created_by": token.created_by, "expires_at": token.expires_at, "revoked_at": token.revoked_at,
    })
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    let (app, actor) = (&local.app, &local.actor);
    match args {
        Args::List => {
            let tokens = access::list_tokens(app, actor).await?;
            let rows: Vec<[String; 5]> = tokens
                .iter()
                .map(|token| {
                    let state = match (token.revoked_at, token.is_valid(app.now())) {
                        (Some(at), _) => format!("revoked {}", time(at)),
                        (None, false) => "expired".into(),
                        (None, true) => "valid".into(),
                    };
                    [
                        token.id.to_string(),
                        token.name.clone(),
                        token.role.to_string(),
                        time_or_dash(token.expires_at),
                        state,
                    ]
                })
                .collect();
            let items: Vec<Value> = tokens.iter().map(view).collect();
            Ok(Answer::new(json!({ "items": items }), table(["ID", "NAME", "ROLE", "UNTIL", "STATE"], &rows)))
        }
        Args::Create { name, role, days } => {
            let lasts = days.map(|days| jiff::SignedDuration::from_hours(24 * i64::from(days)));
            let expires = lasts.map(|lasts| app.now().checked_add(lasts).unwrap_or(kinlink_domain::Timestamp::MAX));
            let minted = access::mint_token(app, actor, &name, role, expires).await?;
            let text = format!("{}\nThis is shown once. Send it as `Authorization: Bearer …`.", minted.secret);
            Ok(Answer::new(minted, text))
        }
        Args::Revoke { id } => {
            let id: TokenId = id.parse().map_err(|_| ServiceError::NotFound("token"))?;
            access::revoke_token(app, actor, id).await?;
            Ok(Answer::new(json!({ "revoked": id }), format!("The token {id} does not work any more.")))
        }
    }
}
