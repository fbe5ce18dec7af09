/** How a run's session comes to its settings: what its request says, else what the runner was told. */
import type { SessionSettings } from './types.ts';

/** `own` where it says something, `usual` elsewhere. */
export function mergedSettings(usual: SessionSettings, own: SessionSettings = {}): SessionSettings {
  // an option that was not given is often there as undefined
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { ...usual, ...given };
}

/** With a limit of memory, or the lower one where there is one already. */
export function limitedTo(bytes: number | undefined, settings: SessionSettings): SessionSettings {
  if (bytes === undefined) return settings;
  return { ...settings, memoryLimitBytes: Math.min(bytes, settings.memoryLimitBytes ?? Infinity) };
}
