/** A module that has something else. */
export const answer = 42;
