//! Whether the brokers take another account, asked before it is put in the place of the one in use:
//! a wrong secret at a rotation must not stop the sale.

use std::time::Duration;

use domain::ports::{Account, Tried};

use super::CLOSE_TIMEOUT;
use super::client::Clients;
use super::probe::{Consumes, Obstacle, account_obstacle, candidates};
use super::requests::Requests;

/// How long all brokers together may take to answer.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks what a consumer of our group asks anyway, on a connection of its own.
pub(super) async fn try_account(clients: &Clients, account: &Account, consumes: Consumes) -> Tried {
    let Ok(handle) = Box::pin(clients.handle_of(account)).await else { return Tried::Unanswered };
    let requests = Requests::new(handle);
    let asked = Box::pin(ask(clients, &requests, account, consumes));
    let tried = tokio::time::timeout(TRIAL_TIMEOUT, asked).await.unwrap_or(Tried::Unanswered);
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, Box::pin(requests.close())).await;
    tried
}

async fn ask(
    clients: &Clients,
    requests: &Requests,
    account: &Account,
    consumes: Consumes,
) -> Tried {
    let names = &clients.names;
    let brokers = match requests.brokers_of(&names.topic).await {
        Ok(Some(brokers)) => brokers,
        Ok(None) => candidates(requests).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let mut tried = Tried::Unanswered;
    for broker in brokers {
        let glance = requests.glance(&broker.address, &names.group, &names.topic, 0, 0).await;
        match glance {
            Ok(_) => tried = Tried::Taken,
            Err(error) if error.is_acl() => {
                match account_obstacle(clients, account, &error.to_string()) {
                    Obstacle::Account { sentence } => return Tried::Refused(sentence),
                    // A process that only publishes does without a consumer's rights.
                    Obstacle::Rights { sentence } if consumes == Consumes::Yes => {
                        return Tried::Refused(sentence);
                    }
                    _ => tried = Tried::Taken,
                }
            }
            Err(_) => {}
        }
    }
    tried
}
