//! A contract's fingerprint changes with what its bytes mean, and with nothing else.
//!
//! `abi_stable`, which compares layouts in another way, is asked for a second opinion wherever it can tell.

use abi_stable::StableAbi;
use abi_stable::abi_stability::check_layout_compatibility;
use transom_plugin_api::Contract;

/// What every variation below departs from.
mod original {
    use abi_stable::StableAbi;
    use transom_plugin_api::prelude::*;

    /// The name of a lock.
    #[contract]
    #[derive(StableAbi)]
    pub(super) struct Lock {
        pub(super) code: u64,
        pub(super) tries: u64,
        pub(super) label: Text,
    }

    #[contract]
    #[derive(StableAbi)]
    pub(super) struct Parcel {
        pub(super) id: u64,
        pub(super) lock: Lock,
        pub(super) tags: List<Text>,
        pub(super) note: Maybe<Text>,
    }

    #[contract]
    #[derive(StableAbi)]
    pub(super) enum Carrier {
        Post { office: u64 },
        Courier { name: Text },
    }

    #[contract]
    #[derive(StableAbi)]
    pub(super) enum Size {
        Small,
        Large,
    }
}

/// The same, somewhere else.
mod moved {
    pub(super) mod further {
        use abi_stable::StableAbi;
        use transom_plugin_api::prelude::*;

        #[contract]
        #[derive(StableAbi)]
        pub(in super::super) struct Lock {
            pub(super) code: u64,
            pub(super) tries: u64,
            pub(super) label: Text,
        }

        /// Another description, another visibility, another derive.
        #[contract]
        #[derive(StableAbi, Eq)]
        pub(in super::super) enum Size {
            Small,
            Large,
        }

        #[contract]
        #[derive(StableAbi)]
        pub(in super::super) struct Parcel {
            id: u64,
            lock: Lock,
            tags: List<Text>,
            note: Maybe<Text>,
        }

        #[contract]
        #[derive(StableAbi)]
        pub(in super::super) enum Carrier {
            Post { office: u64 },
            Courier { name: Text },
        }
    }
}

/// Makes a module with one variation of a contract.
macro_rules! variation {
    ($module:ident: $($item:tt)*) => {
        mod $module {
            #[allow(unused_imports, reason = "a variation needs some of them")]
            use transom_plugin_api::prelude::*;

            #[contract]
            #[derive(abi_stable::StableAbi)]
            pub(super) $($item)*
        }
    };
}

variation!(renamed_field: struct Lock { code: u64, attempts: u64, label: Text });
variation!(changed_type: struct Lock { code: u64, tries: i64, label: Text });
variation!(narrower_type: struct Lock { code: u64, tries: u32, label: Text });
variation!(reordered_fields: struct Lock { tries: u64, code: u64, label: Text });
variation!(added_field: struct Lock { code: u64, tries: u64, label: Text, open: bool });
variation!(removed_field: struct Lock { code: u64, tries: u64 });
variation!(changed_inner: struct Parcel { id: u64, lock: super::renamed_field::Lock, tags: List<Text>, note: Maybe<Text> });
variation!(changed_element: struct Parcel { id: u64, lock: super::original::Lock, tags: List<u64>, note: Maybe<Text> });
variation!(changed_option: struct Parcel { id: u64, lock: super::original::Lock, tags: List<Text>, note: Maybe<List<u8>> });
variation!(added_variant: enum Carrier { Post { office: u64 }, Courier { name: Text }, Drone { height: u64 } });
variation!(renamed_variant: enum Carrier { Mail { office: u64 }, Courier { name: Text } });
variation!(reordered_variants: enum Carrier { Courier { name: Text }, Post { office: u64 } });
variation!(moved_field: enum Carrier { Post { office: u64, name: Text }, Courier { name: Text } });
variation!(added_word: enum Size { Small, Medium, Large });
variation!(reordered_words: enum Size { Large, Small });
variation!(renamed_word: enum Size { Small, Huge });
variation!(renamed: struct Bolt { code: u64, tries: u64, label: Text });

/// An enum that grows, and what it is compared with.
mod growing {
    use abi_stable::StableAbi;
    use transom_plugin_api::prelude::*;

    #[contract(grows)]
    #[derive(StableAbi)]
    pub(super) enum Carrier {
        Post { office: u64 },
        Courier { name: Text },
    }

    #[contract(grows)]
    #[derive(StableAbi)]
    pub(super) enum Size {
        Small,
        Large,
    }

    pub(super) mod moved {
        use abi_stable::StableAbi;
        use transom_plugin_api::prelude::*;

        #[contract(grows, revision = 2)]
        #[derive(StableAbi)]
        pub(in super::super) enum Carrier {
            Post {
                #[contract(was = "post_office")]
                office: u64,
            },
            Courier {
                name: Text,
            },
        }
    }

    pub(super) mod grown {
        use abi_stable::StableAbi;
        use transom_plugin_api::prelude::*;

        #[contract(grows)]
        #[derive(StableAbi)]
        pub(in super::super) enum Carrier {
            Post { office: u64 },
            Courier { name: Text },
            Drone { height: u64 },
        }

        #[contract(grows)]
        #[derive(StableAbi)]
        pub(in super::super) enum Size {
            Small,
            Large,
            Huge,
        }
    }
}

mod called_otherwise {
    use transom_plugin_api::prelude::*;

    #[contract(name = "Lock")]
    pub(super) struct Bolt {
        pub(super) code: u64,
        pub(super) tries: u64,
        pub(super) label: Text,
    }
}

/// Whether both opinions are that `A` and `B` are the same.
fn are_same<A: Contract + StableAbi, B: Contract + StableAbi>() -> bool {
    let ours = A::FINGERPRINT == B::FINGERPRINT;
    let theirs = check_layout_compatibility(A::LAYOUT, B::LAYOUT);
    let names = (std::any::type_name::<A>(), std::any::type_name::<B>());
    assert_eq!(ours, theirs.is_ok(), "the two opinions about {names:?} differ: {theirs:?}");
    ours
}

#[test]
fn a_contract_that_is_moved_stays_the_same() {
    assert!(are_same::<original::Lock, moved::further::Lock>());
    assert!(are_same::<original::Parcel, moved::further::Parcel>());
    assert!(are_same::<original::Carrier, moved::further::Carrier>());
    assert!(are_same::<original::Size, moved::further::Size>());
}

#[test]
fn a_changed_field_changes_a_contract() {
    assert!(!are_same::<original::Lock, renamed_field::Lock>());
    assert!(!are_same::<original::Lock, changed_type::Lock>());
    assert!(!are_same::<original::Lock, narrower_type::Lock>());
    assert!(!are_same::<original::Lock, reordered_fields::Lock>());
    assert!(!are_same::<original::Lock, added_field::Lock>());
    assert!(!are_same::<original::Lock, removed_field::Lock>());
}

#[test]
fn a_change_deep_inside_changes_a_contract() {
    assert!(!are_same::<original::Parcel, changed_inner::Parcel>());
    assert!(!are_same::<original::Parcel, changed_element::Parcel>());
    assert!(!are_same::<original::Parcel, changed_option::Parcel>());
}

#[test]
fn a_changed_variant_changes_a_contract() {
    assert!(!are_same::<original::Carrier, added_variant::Carrier>());
    assert!(!are_same::<original::Carrier, renamed_variant::Carrier>());
    assert!(!are_same::<original::Carrier, reordered_variants::Carrier>());
    assert!(!are_same::<original::Carrier, moved_field::Carrier>());
    assert!(!are_same::<original::Size, added_word::Size>());
    assert!(!are_same::<original::Size, reordered_words::Size>());
    assert!(!are_same::<original::Size, renamed_word::Size>());
}

#[test]
fn an_enum_that_grows_is_another_one_each_time() {
    assert!(are_same::<growing::Carrier, growing::moved::Carrier>());
    assert!(!are_same::<growing::Carrier, growing::grown::Carrier>());
    assert!(!are_same::<growing::Size, growing::grown::Size>());
    assert!(!are_same::<growing::Carrier, original::Carrier>());
    assert!(!are_same::<growing::Size, original::Size>());
}

#[test]
fn a_contract_is_known_by_the_name_it_gives_itself() {
    assert!(!are_same::<original::Lock, renamed::Bolt>());
    assert_eq!(original::Lock::FINGERPRINT, called_otherwise::Bolt::FINGERPRINT);
}

#[test]
fn the_same_shape_in_different_containers_is_told_apart() {
    use transom_plugin_api::{List, Map, Maybe, Shared, Text};
    let all = [
        Text::FINGERPRINT,
        List::<u8>::FINGERPRINT,
        List::<Text>::FINGERPRINT,
        Maybe::<Text>::FINGERPRINT,
        Map::<Text>::FINGERPRINT,
        Shared::<Text>::FINGERPRINT,
        u64::FINGERPRINT,
        i64::FINGERPRINT,
        <()>::FINGERPRINT,
        bool::FINGERPRINT,
        u8::FINGERPRINT,
    ];
    let different: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
}
