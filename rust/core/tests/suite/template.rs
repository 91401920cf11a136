//! `Template`

use eventwire_core::{Decoder, EventId, EventName, Fill, Hole, Kind, Template, json};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategy;

/// A piece of a frame: constant, or filled in.
#[derive(Clone, Debug)]
enum Piece {
    Constant(String),
    Slot(Kind, usize),
}

/// What is filled in, by slot; None fails.
#[derive(Clone, Debug)]
struct Values(Vec<Option<String>>);

impl Values {
    fn get(&self, slot: usize) -> Result<&str, usize> {
        self.0[slot].as_deref().ok_or(slot)
    }
}

impl Fill for Values {
    type Error = usize;

    fn json(&mut self, buffer: &mut Vec<u8>, slot: usize) -> Result<(), usize> {
        json::string(buffer, self.get(slot)?, json::Escape::Utf8);
        Ok(())
    }

    fn event(&mut self, slot: usize) -> Result<EventName<'_>, usize> {
        EventName::new(self.get(slot)?).map_err(|_| slot)
    }

    fn id(&mut self, slot: usize) -> Result<EventId<'_>, usize> {
        EventId::new(self.get(slot)?).map_err(|_| slot)
    }
}

/// The twin: concatenates what each piece comes to.
fn concatenated(pieces: &[Piece], values: &Values) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Constant(text) => text.clone(),
        Piece::Slot(Kind::Json, slot) => {
            serde_json::to_string(values.0[*slot].as_ref().unwrap()).unwrap()
        }
        Piece::Slot(_, slot) => values.0[*slot].clone().unwrap(),
    };
    pieces.iter().map(text).collect::<String>() + "\n"
}

/// The template of the pieces, cut from a frame with these values.
fn cut(pieces: &[Piece], values: &Values) -> Template {
    let mut frame = String::new();
    let mut holes = Vec::new();
    for piece in pieces {
        let start = frame.len();
        let text = concatenated(std::slice::from_ref(piece), values);
        frame += &text[..text.len() - 1];
        if let Piece::Slot(kind, slot) = piece {
            holes.push(Hole {
                range: start..frame.len(),
                kind: *kind,
                slot: *slot,
            });
        }
    }
    // In any order, but for empty ones at the same place: those stand as they were given.
    holes.sort_by_key(|hole| std::cmp::Reverse((hole.range.start, hole.range.end)));
    Template::cut((frame + "\n").as_bytes(), holes).unwrap()
}

const SLOTS: usize = 3;

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let kind = prop_oneof![Just(Kind::Json), Just(Kind::Event), Just(Kind::Id)];
    let piece = prop_oneof![
        strategy::text().prop_map(Piece::Constant),
        (kind, 0..SLOTS).prop_map(|(kind, slot)| Piece::Slot(kind, slot)),
    ];
    vec(piece, 0..8)
}

fn values() -> impl Strategy<Value = Values> {
    vec(strategy::event_id().prop_map(Some), SLOTS).prop_map(Values)
}

fn slots(kinds: &[Kind]) -> Vec<Piece> {
    kinds.iter().map(|kind| Piece::Slot(*kind, 0)).collect()
}

#[test]
fn a_frame_that_is_not_whole_is_no_template() {
    assert!(Template::cut(b"", vec![]).is_none());
    assert!(Template::cut(b"data: 1", vec![]).is_none());
    assert!(Template::cut(b"data: 1\n\n", vec![]).is_some());
}

#[test]
fn holes_must_lie_apart_and_inside() {
    let frame = b"data: 123\n\n";
    let hole = |range| Hole {
        range,
        kind: Kind::Json,
        slot: 0,
    };
    assert!(Template::cut(frame, vec![hole(6..7), hole(7..9)]).is_some());
    assert!(Template::cut(frame, vec![hole(6..8), hole(7..9)]).is_none());
    assert!(Template::cut(frame, vec![hole(6..99)]).is_none());
    // The blank line is the template's own.
    assert!(Template::cut(frame, vec![hole(10..11)]).is_none());
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let reversed = hole(7..6);
    assert!(Template::cut(frame, vec![reversed]).is_none());
}

#[test]
fn a_slot_that_cannot_be_filled_leaves_no_trace() {
    for kind in [Kind::Json, Kind::Event, Kind::Id] {
        let template = cut(&slots(&[Kind::Json, kind]), &Values(vec![Some("a".into())]));
        let mut buffer = b"data: before\n\n".to_vec();
        let result = template.write(&mut buffer, &mut Values(vec![None]));
        assert_eq!(result, Err(0));
        assert_eq!(buffer, b"data: before\n\n");
    }
}

#[test]
fn a_name_and_an_id_with_a_line_end_are_refused() {
    for kind in [Kind::Event, Kind::Id] {
        let template = cut(&slots(&[kind]), &Values(vec![Some("a".into())]));
        let mut forged = Values(vec![Some("x\ndata: forged".into())]);
        let mut buffer = Vec::new();
        assert_eq!(template.write(&mut buffer, &mut forged), Err(0));
        assert_eq!(buffer, b"");
    }
}

proptest! {
    #[test]
    fn filled_templates_are_the_pieces_one_after_the_other(
        pieces in pieces(), example in values(), values in values(),
    ) {
        let template = cut(&pieces, &example);
        let mut buffer = b"data: before\n\n".to_vec();
        template.write(&mut buffer, &mut values.clone()).unwrap();
        let expected = format!("data: before\n\n{}", concatenated(&pieces, &values));
        prop_assert_eq!(String::from_utf8(buffer).unwrap(), expected);
    }

    #[test]
    fn whatever_is_filled_in_it_is_one_event_with_these_fields(example in values(), values in values()) {
        let constant = |text: &str| Piece::Constant(text.to_owned());
        let pieces = [
            constant("event: "), Piece::Slot(Kind::Event, 0),
            constant("\ndata: ["), Piece::Slot(Kind::Json, 1), constant("]\nid: "),
            Piece::Slot(Kind::Id, 2), constant("\n"),
        ];
        let mut buffer = Vec::new();
        cut(&pieces, &example).write(&mut buffer, &mut values.clone()).unwrap();
        let events = Decoder::new().feed(&buffer);
        prop_assert_eq!(events.len(), 1);
        let [name, data, id] = [0, 1, 2].map(|slot| values.0[slot].clone().unwrap());
        let name = if name.is_empty() { "message".to_owned() } else { name };
        prop_assert_eq!(&events[0].event, &name);
        let read: Vec<String> = serde_json::from_str(&events[0].data).unwrap();
        prop_assert_eq!(read, vec![data]);
        prop_assert_eq!(&events[0].last_event_id, &id);
    }
}
