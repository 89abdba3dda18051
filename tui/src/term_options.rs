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
            let option = Arg::new(term.label()).long(term.label()).value_name("VALUE");
            command.arg(option.help(help(term)).group("changed terms").value_parser(read))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn help(term: Term) -> String {
    format!("The {} from now on, {}", term.label(), term.hint())
}

impl FromArgMatches for GivenTerms {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = Term::ALL.iter().filter_map(|term| matches.get_one(term.label()));
        Ok(Self(given.fold(TermsPatch::default(), TermsPatch::and)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self(self.0.and(&Self::from_arg_matches(matches)?.0));
        Ok(())
    }
}
