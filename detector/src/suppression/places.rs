//! Who is looked at first among equal scores.

/// How equal scores are told apart.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ties {
    /// The earlier input goes first.
    Input,
    /// The reference's own order: the earlier input goes first, until its swaps have moved it. Every winner trades
    /// places with the segment in front of the rest, and what drops out is replaced by the last of the rest. Real
    /// scores meet this seldom, rounded ones (between windows) often, and it decides which of two overlapping equals
    /// is weakened, so it is followed to the letter.
    Swaps,
}

/// The queue of segments: places, and who holds them.
pub(super) struct Places {
    ties: Ties,
    /// Place of each member.
    of: Vec<usize>,
    /// Member at each place; winners in front, then those still in.
    holder: Vec<usize>,
    /// How many have won.
    won: usize,
}

impl Places {
    /// As many members as given, in the order of the input.
    pub(super) fn new(members: usize, ties: Ties) -> Self {
        Self { ties, of: (0..members).collect(), holder: (0..members).collect(), won: 0 }
    }

    /// The place of a member; the lowest goes first.
    pub(super) fn of(&self, member: usize) -> usize {
        self.of[member]
    }

    /// Those that have not won, first to last; by input, all members.
    pub(super) fn rest(&self) -> &[usize] {
        &self.holder[self.won..]
    }

    /// The winner goes to the front, and who was there takes its place.
    pub(super) fn win(&mut self, winner: usize) {
        if self.ties == Ties::Swaps {
            let (front, from) = (self.won, self.of[winner]);
            let moved = self.holder[front];
            self.put(moved, from);
            self.put(winner, front);
            self.won += 1;
        }
    }

    /// Closes the gaps left by members that dropped out, each with the last that is still in.
    pub(super) fn drop_out(&mut self, gone: &[usize], is_gone: impl Fn(usize) -> bool) {
        if self.ties == Ties::Input || gone.is_empty() {
            return;
        }
        let mut gaps: Vec<_> = gone.iter().map(|&member| self.of[member]).collect();
        gaps.sort_unstable();
        for gap in gaps {
            while self.holder.len() > self.won && self.holder.last().is_some_and(|&last| is_gone(last)) {
                self.holder.pop();
            }
            if gap >= self.holder.len() {
                break;
            }
            if let Some(last) = self.holder.pop() {
                self.put(last, gap);
            }
        }
    }

    fn put(&mut self, member: usize, place: usize) {
        self.of[member] = place;
        self.holder[place] = member;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members in the order in which equal scores would go.
    fn order(places: &Places, members: &[usize]) -> Vec<usize> {
        let mut order = members.to_vec();
        order.sort_unstable_by_key(|&member| places.of(member));
        order
    }

    #[test]
    fn the_front_takes_the_place_of_the_winner() {
        let mut places = Places::new(4, Ties::Swaps);
        places.win(2);
        assert_eq!(order(&places, &[0, 1, 3]), [1, 0, 3]);
    }

    #[test]
    fn the_last_takes_the_place_of_a_drop_out() {
        let mut places = Places::new(5, Ties::Swaps);
        places.win(0);
        places.drop_out(&[1, 4], |member| [1, 4].contains(&member));
        assert_eq!(order(&places, &[2, 3]), [3, 2]);
    }

    #[test]
    fn by_input_nobody_moves() {
        let mut places = Places::new(4, Ties::Input);
        places.win(2);
        places.drop_out(&[0], |member| member == 0);
        assert_eq!(order(&places, &[1, 3]), [1, 3]);
    }
}
