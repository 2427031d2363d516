//! What a plugin says of itself, as its file carries it: the kernel's [`Descriptor`], read back.

pub use transom_kernel::descriptor::{
    Descriptor, PanicStrategy, PayloadDescriptor, PortDescriptor, symbol_of,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{descriptor, descriptor_json};

    #[test]
    fn unknown_fields_are_passed_over() {
        let mut json = descriptor_json("parrot");
        json["mood"] = "curious".into();
        json["ports"][0]["colour"] = "green".into();
        assert_eq!(serde_json::from_value::<Descriptor>(json).expect("it is read"), descriptor("parrot"));
    }

    #[test]
    fn an_unknown_role_is_an_error_that_names_it() {
        let mut json = descriptor_json("parrot");
        json["ports"][0]["role"] = "whispers".into();
        let error = serde_json::from_value::<Descriptor>(json).expect_err("nobody whispers");
        assert!(error.to_string().contains("`whispers`"), "{error}");
    }

    #[test]
    fn a_descriptor_is_written_as_it_was_read() {
        let json = descriptor_json("parrot");
        assert_eq!(serde_json::to_value(descriptor("parrot")).expect("it is written"), json);
    }

    #[test]
    fn the_symbol_has_underscores_for_dashes() {
        assert_eq!(descriptor("spend-limit").symbol(), "transom_plugin_spend_limit");
    }
}
