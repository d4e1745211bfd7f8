//! `client/register`: a seller of the institution.

use domain::{Client, ClientId};
use storage::{Tx, clients};

use crate::Broker;
use crate::caller::{CallError, Caller};

pub struct RegisterClient {
    pub partner_user_id: String,
    pub email: Option<String>,
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterClientError {
    #[error("the partner_user_id is registered with other details")]
    OtherDetails,
}

impl Broker {
    /// The client of this `partner_user_id`, whether it is new or was registered with the same details.
    pub async fn register_client(
        &self,
        caller: &Caller,
        command: RegisterClient,
    ) -> Result<ClientId, CallError<RegisterClientError>> {
        let new = Client {
            id: ClientId::new(self.next_id()),
            institution: caller.institution.id,
            partner_user_id: command.partner_user_id,
            email: command.email,
            name: command.name,
            created_at: self.now(),
        };
        self.change(caller, async |tx: &Tx| {
            if clients::insert_new(tx, &new).await? {
                return Ok(Ok(new.id));
            }
            let known = clients::find_by_partner_user_id(tx, new.institution, &new.partner_user_id);
            Ok(match known.await? {
                Some(known) if known.email == new.email && known.name == new.name => Ok(known.id),
                _ => Err(RegisterClientError::OtherDetails),
            })
        })
        .await
    }
}
