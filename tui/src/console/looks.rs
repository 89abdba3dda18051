//! How the console may look on this terminal: with colours or attributes alone, with Unicode or
//! ASCII. It reads the surroundings for that; `theme` turns the answer into styles and symbols.

use std::ffi::OsString;

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    /// The terminal's own sixteen, so that its theme wins.
    Sixteen,
    /// None: bold, dim, underlined and reversed have to do.
    None,
}

/// Which characters may be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Characters {
    /// Lines, blocks and arrows.
    Unicode,
    /// Only what every terminal has; texts of the daemon stay as they are.
    Ascii,
}

/// Both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Looks {
    pub(crate) colours: Colours,
    pub(crate) characters: Characters,
}

/// What the environment says about the terminal; a value, so that tests have one of their own.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// `$NO_COLOR`; empty is as if it weren't there (no-color.org).
    no_color: Option<OsString>,
    /// The first that isn't empty of `$LC_ALL`, `$LC_CTYPE` and `$LANG`.
    locale: Option<OsString>,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the daemon's rule; this is another program")]
    pub(crate) fn of_process() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
        Self { no_color: variable("NO_COLOR"), locale }
    }
}

impl Looks {
    /// What the command line asks for (`None`: nothing) within what the surroundings allow.
    pub(crate) fn new(
        colours: Option<Colours>,
        characters: Option<Characters>,
        environment: &Environment,
    ) -> Self {
        let shunned = environment.no_color.is_some();
        let allowed = if shunned { Colours::None } else { Colours::Sixteen };
        let locale = environment.locale.as_deref().map(|locale| locale.to_string_lossy());
        let speaks_utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let shown = if speaks_utf8 { Characters::Unicode } else { Characters::Ascii };
        Self { colours: colours.unwrap_or(allowed), characters: characters.unwrap_or(shown) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Characters, Colours, Environment, Looks};

    fn looks(no_color: Option<&str>, locale: Option<&str>) -> (Colours, Characters) {
        let environment =
            Environment { no_color: no_color.map(Into::into), locale: locale.map(Into::into) };
        let looks = Looks::new(None, None, &environment);
        (looks.colours, looks.characters)
    }

    #[test]
    fn the_surroundings_are_heeded() {
        use {Characters as Ch, Colours as Co};
        assert_eq!(looks(None, Some("zh_CN.UTF-8")), (Co::Sixteen, Ch::Unicode));
        assert_eq!(looks(Some("1"), Some("C.utf8")), (Co::None, Ch::Unicode));
        assert_eq!(looks(None, Some("zh_CN.GB18030")), (Co::Sixteen, Ch::Ascii));
        assert_eq!(looks(None, None), (Co::Sixteen, Ch::Ascii));
    }

    #[test]
    fn the_command_line_wins() {
        let environment = Environment { no_color: None, locale: Some("en_US.UTF-8".into()) };
        let asked = Looks::new(Some(Colours::None), Some(Characters::Ascii), &environment);
        assert_eq!(asked, Looks { colours: Colours::None, characters: Characters::Ascii });
    }
}
