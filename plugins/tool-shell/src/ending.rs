//! [`Ending`]: how a command ended, in words for the model.

use std::time::Duration;

use transom_plugin_api::sabotage::sabotaged;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The shell's wait status, when it is known.
    pub(crate) status: Option<i32>,
    /// Why it was ended, where it did not end by itself.
    pub(crate) cut: Option<Cut>,
    /// Whether something was still running when the shell had ended by itself.
    pub(crate) left: bool,
    /// Whether something could not be ended.
    pub(crate) is_stubborn: bool,
    pub(crate) took: Duration,
}

/// Why a command was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It took longer than this.
    At(Duration),
    /// The tool is not there any more.
    WithTheTool,
}

/// What a wait status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Code(i32),
    Signal(i32),
}

impl Ending {
    /// Whether the model is told of a failure.
    pub(crate) fn is_error(&self) -> bool {
        self.cut.is_some() || self.status.map(end_of) != Some(End::Code(0))
    }

    /// The lines behind the output, the last of them without its end. `most` is the longest time that can be asked for.
    pub(crate) fn told(&self, most: Duration) -> String {
        let mut told = String::new();
        if self.left {
            told += "[what the command had left running was ended with it]\n";
        }
        if self.is_stubborn {
            told += "[something that it started could not be ended, and may be running still]\n";
        }
        let how = match (self.cut, self.status.map(end_of)) {
            (Some(Cut::At(limit)), _) => {
                let most = most.as_millis();
                format!("stopped after its limit of {} (`timeoutMs` may be up to {most})", seconds(limit))
            }
            (Some(Cut::WithTheTool), _) => {
                "stopped, because this tool is being stopped or replaced".to_owned()
            }
            _ if sabotaged("hide-the-exit-code") => "ended".to_owned(),
            (None, Some(End::Code(code))) => format!("exit code {code}"),
            (None, Some(End::Signal(number))) => format!("killed by {}", signal(number)),
            (None, None) => {
                "its end is not known, since the process that watched over it was ended".to_owned()
            }
        };
        format!("{told}{how} · {}", seconds(self.took))
    }
}

fn end_of(status: i32) -> End {
    match status & 0x7f {
        0 => End::Code(status >> 8 & 0xff),
        number => End::Signal(number),
    }
}

fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    let tenths = time.as_millis() / 100;
    if tenths.is_multiple_of(10) {
        format!("{} s", tenths / 10)
    } else {
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}

fn signal(number: i32) -> String {
    let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
        "ALRM", "TERM",
    ];
    let name = usize::try_from(number - 1).ok().and_then(|place| names.get(place));
    name.map_or_else(|| format!("signal {number}"), |name| format!("SIG{name} (signal {number})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Ending = Ending {
        status: Some(0),
        cut: None,
        left: false,
        is_stubborn: false,
        took: Duration::from_millis(1_234),
    };

    fn told(ending: Ending) -> String {
        ending.told(Duration::from_secs(3_600))
    }

    #[test]
    fn the_exit_code_is_told_whatever_it_is() {
        assert_eq!((told(WELL), WELL.is_error()), ("exit code 0 · 1.2 s".to_owned(), false));
        let failed = Ending { status: Some(3 << 8), took: Duration::from_millis(7), ..WELL };
        assert_eq!((told(failed), failed.is_error()), ("exit code 3 · 7 ms".to_owned(), true));
        let high = Ending { status: Some(255 << 8), took: Duration::from_secs(120), ..WELL };
        assert_eq!(told(high), "exit code 255 · 120 s");
    }

    #[test]
    fn a_signal_is_told_by_its_name_whether_or_not_it_left_a_core() {
        let killed = Ending { status: Some(9), ..WELL };
        assert_eq!(
            (told(killed), killed.is_error()),
            ("killed by SIGKILL (signal 9) · 1.2 s".to_owned(), true)
        );
        assert_eq!(told(Ending { status: Some(0x80 | 11), ..WELL }), "killed by SIGSEGV (signal 11) · 1.2 s");
        assert_eq!(told(Ending { status: Some(34), ..WELL }), "killed by signal 34 · 1.2 s");
    }

    #[test]
    fn a_limit_that_was_reached_is_told_with_the_one_there_could_be() {
        let over = Ending { cut: Some(Cut::At(Duration::from_millis(1_500))), ..WELL };
        assert!(over.is_error(), "even where the shell ended well when it was asked to");
        assert_eq!(told(over), "stopped after its limit of 1.5 s (`timeoutMs` may be up to 3600000) · 1.2 s");
    }

    #[test]
    fn what_was_left_and_what_stays_is_told_before_the_last_line() {
        let left = Ending { left: true, is_stubborn: true, status: None, ..WELL };
        assert!(left.is_error());
        assert_eq!(
            told(left),
            "[what the command had left running was ended with it]\n\
             [something that it started could not be ended, and may be running still]\n\
             its end is not known, since the process that watched over it was ended · 1.2 s"
        );
    }
}
