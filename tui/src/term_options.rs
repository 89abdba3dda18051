//! The options of a verb that changes terms: one for each term, from the contract's table.

use clap::{Arg, ArgGroup, ArgMatches, Args, Command, Error, FromArgMatches};
use protocol::{Term, TermsPatch};

/// The terms that were given: one at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GivenTerms(pub(crate) TermsPatch);

impl Args for GivenTerms {
    fn augment_args(command: Command) -> Command {
        let group = ArgGroup::new("changed terms").multiple(true).required(true);
        let command = command.group(group);
        Term::ALL.into_iter().fold(command, |command, term| {
            let read = move |text: &str| term.read(text);
            let option = Arg::new(term.name()).long(term.option()).value_name("VALUE");
            command.arg(option.help(help(term)).group("changed terms").value_parser(read))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn help(term: Term) -> String {
    let what = match term {
        Term::Price => "What a unit costs from now on",
        Term::OnShelf => "Whether it can be charged from now on",
        Term::OpensAt => "When its sale opens",
        Term::ClosesAt => "When its sale is over",
        Term::PreheatRatio => "How much of its stock a gateway may promise",
    };
    format!("{what}: {}", term.hint())
}

impl FromArgMatches for GivenTerms {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = Term::ALL.iter().filter_map(|term| matches.get_one(term.name()));
        Ok(Self(given.fold(TermsPatch::default(), TermsPatch::and)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self(self.0.and(&Self::from_arg_matches(matches)?.0));
        Ok(())
    }
}
