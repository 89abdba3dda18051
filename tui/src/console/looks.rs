//! How the console may look on this terminal: with colours or attributes alone, with Unicode or
//! ASCII. It reads the surroundings for that; `theme` turns the answer into styles and symbols.

use std::ffi::OsString;

use ratatui::layout::Size;

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
    /// `$COLUMNS` and `$LINES`.
    columns: Option<OsString>,
    lines: Option<OsString>,
}

/// The size of a terminal that nobody knows.
const SIZE: Size = Size { width: 80, height: 24 };

/// The largest that is believed.
const SIZE_MAX: u16 = 1_000;

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the daemon's rule; this is another program")]
    pub(crate) fn of_process() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
        let (columns, lines) = (variable("COLUMNS"), variable("LINES"));
        Self { no_color: variable("NO_COLOR"), locale, columns, lines }
    }

    /// The size to take where the terminal says 0, as a serial line does.
    pub(crate) fn size(&self) -> Size {
        let fits = |size: &u16| (1..=SIZE_MAX).contains(size);
        let told = |told: Option<&OsString>| told?.to_str()?.parse().ok().filter(fits);
        Size {
            width: told(self.columns.as_ref()).unwrap_or(SIZE.width),
            height: told(self.lines.as_ref()).unwrap_or(SIZE.height),
        }
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
        let environment = Environment {
            no_color: no_color.map(Into::into),
            locale: locale.map(Into::into),
            ..Environment::default()
        };
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
        let environment =
            Environment { locale: Some("en_US.UTF-8".into()), ..Environment::default() };
        let asked = Looks::new(Some(Colours::None), Some(Characters::Ascii), &environment);
        assert_eq!(asked, Looks { colours: Colours::None, characters: Characters::Ascii });
    }

    #[test]
    fn a_size_that_nobody_knows_is_the_usual_one() {
        let size = |columns: Option<&str>, lines: Option<&str>| {
            let columns = columns.map(Into::into);
            let size =
                Environment { columns, lines: lines.map(Into::into), ..Environment::default() };
            (size.size().width, size.size().height)
        };
        assert_eq!(size(None, None), (80, 24));
        assert_eq!(size(Some("132"), Some("43")), (132, 43));
        assert_eq!(size(Some("0"), Some("x")), (80, 24));
        assert_eq!(size(Some("65535"), Some("1001")), (80, 24));
    }
}
