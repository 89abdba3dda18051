//! Holds, as they must be at every moment of a history.

use super::gateway::Running;
use super::world::World;

impl World<'_> {
    /// Over the embedded queue nothing that waits goes unheld once the desk is open.
    pub(super) fn knows_its_queue(&self, index: usize, running: &Running) -> Result<(), String> {
        if !self.shape.embedded || !running.is_open() {
            return Ok(());
        }
        for order in self.undecided() {
            let entry = running.book.entry(&order.prod_id);
            let buyer = entry.and_then(|entry| entry.buyer(&order.phone));
            let holds = buyer.is_some_and(|buyer| {
                buyer.standing.undecided().is_some_and(|one| one.id == order.order_id)
            });
            if !holds {
                return Err(format!("gateway {index} holds nothing for {}", order.order_id));
            }
        }
        Ok(())
    }

    /// A unit that was promised is held until its order is decided.
    pub(super) fn holds_stand(&mut self) -> Result<(), String> {
        let Self { promises, decisions, gateways, runs, .. } = self;
        promises.held.retain(|(_, _, _, id)| decisions.iter().all(|one| one.order_id != *id));
        for (index, run, wish, id) in &promises.held {
            let Some(running) = &gateways[*index].running else { continue };
            let entry = running.book.entry(&wish.prod_id);
            let buyer = entry.and_then(|entry| entry.buyer(&wish.phone));
            let holds = buyer.is_some_and(|buyer| {
                buyer.standing.undecided().is_some_and(|order| order.id == *id)
            });
            if runs[*index] == *run && !holds {
                return Err(format!("gateway {index} gave the unit of {id} back undecided"));
            }
        }
        Ok(())
    }
}
