//! What a campaign of rounds has seen, to be printed at its end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::plan::{Mortal, points};

/// A round that ended well.
#[derive(Debug, Default)]
pub struct Round {
    /// How each life was to end, and whether it did: a point may lie further than a life got.
    pub deaths: Vec<(String, bool)>,
    /// Buyers, all products together.
    pub buyers: usize,
    /// Units sold.
    pub sold: usize,
    /// Answers to unknown products and bad prices.
    pub bystanders: usize,
    /// Databases of dead daemons that were judged where they lay.
    pub autopsies: usize,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deaths: Vec<String> = self
            .deaths
            .iter()
            .map(|(how, struck)| if *struck { how.clone() } else { format!("({how})") })
            .collect();
        let (sold, buyers, took) = (self.sold, self.buyers, self.took.as_secs_f32());
        write!(f, "{sold} sold to {buyers} buyers, {took:.1} s; {}", deaths.join(", "))
    }
}

/// Many rounds.
#[derive(Debug, Default)]
pub struct Tally {
    rounds: usize,
    buyers: usize,
    sold: usize,
    bystanders: usize,
    autopsies: usize,
    deaths: BTreeMap<String, (usize, usize)>,
}

impl Tally {
    /// Adds a round.
    pub fn add(&mut self, round: &Round) {
        self.rounds += 1;
        self.buyers += round.buyers;
        self.sold += round.sold;
        self.bystanders += round.bystanders;
        self.autopsies += round.autopsies;
        for (how, struck) in &round.deaths {
            let (planned, happened) = self.deaths.entry(how.clone()).or_default();
            *planned += 1;
            *happened += usize::from(*struck);
        }
    }

    /// Fault points at which no daemon died: nothing is proven about them.
    #[must_use]
    pub fn never_struck(&self, mortal: Mortal) -> Vec<&'static str> {
        let struck =
            |point: &str| self.deaths.get(point).is_some_and(|(_, happened)| 0 < *happened);
        points(mortal).into_iter().filter(|point| !struck(point)).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, buyers, sold, bystanders, autopsies, deaths } = self;
        let died: usize = deaths.values().map(|(_, happened)| happened).sum();
        writeln!(f, "{rounds} rounds: {sold} units sold to {buyers} buyers, {died} deaths,")?;
        writeln!(
            f,
            "{autopsies} databases judged as they were left, {bystanders} bystanders' answers"
        )?;
        for (how, (planned, happened)) in deaths {
            writeln!(f, "  {how:<24} {happened:>4} of {planned}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Mortal, Round, Tally};

    #[test]
    fn only_points_that_struck_count() {
        let mut tally = Tally::default();
        let deaths = vec![("checkpoint".to_owned(), true), ("stop-consumed".to_owned(), false)];
        let round = Round { deaths, ..Round::default() };
        assert!(round.to_string().ends_with("checkpoint, (stop-consumed)"), "{round}");
        tally.add(&round);
        let never = tally.never_struck(Mortal::Embedded);
        assert!(never.contains(&"stop-consumed") && !never.contains(&"checkpoint"));
        assert!(tally.to_string().contains("1 deaths"), "{tally}");
    }
}
