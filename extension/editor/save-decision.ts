/** What becomes of a save that VS Code asks for, which does not say who wanted it. */

export interface SaveState {
  /** Nothing is lost by it, or a person allowed it. */
  readonly mayOverwrite: boolean;
  readonly isAutoSaveOn: boolean;
  /** A person is known to have asked for it. */
  readonly isAsked: boolean;
  /** Size and time of the original that would be overwritten; undefined: unknown. */
  readonly original: string | undefined;
  /** The original of which a person was told last that it is not overwritten by itself. */
  readonly toldOf: string | undefined;
}

/**
 * `ask`: a person, in a dialog. `tell`: it is put off, with a message. `put off`: without one, since a person was told:
 * auto save asks again and again, and whoever closed the message knows.
 */
export function saveDecision(state: SaveState): 'write' | 'ask' | 'tell' | 'put off' {
  const { mayOverwrite, isAutoSaveOn, isAsked, original, toldOf } = state;
  if (mayOverwrite) return 'write';
  if (!isAutoSaveOn || isAsked) return 'ask';
  return toldOf !== undefined && toldOf === original ? 'put off' : 'tell';
}
