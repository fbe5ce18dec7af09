/** The log channel "VRAM Lens": what went on, for those who look after a problem. */
import { window, type LogOutputChannel } from 'vscode';

let channel: LogOutputChannel | undefined;

export function log(): LogOutputChannel {
  return (channel ??= window.createOutputChannel('VRAM Lens', { log: true }));
}

export function disposeLog(): void {
  channel?.dispose();
  channel = undefined;
}
