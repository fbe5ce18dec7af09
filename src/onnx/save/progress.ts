/** How far a save is, by the bytes that are written. */
import { stat } from 'node:fs/promises';
import type { FileToWrite } from './plan.ts';

export type OnProgress = (progress: { readonly fraction: number }) => void;

const STEP = 0.005;
const WATCH_MS = 200;

export class ProgressReport {
  private readonly total: number;
  private readonly report: OnProgress | undefined;
  private written = 0;
  private reported = 0;

  constructor(files: readonly FileToWrite[], report: OnProgress | undefined) {
    this.total = files.reduce((sum, { rope }) => sum + rope.length, 0);
    this.report = report;
  }

  add(bytes: number): void {
    this.written += bytes;
    this.show(this.written);
  }

  /** Looks how large the file becomes that the system is copying, at most `bytes`, until `copying` is done. */
  async watch(path: string, bytes: number, copying: Promise<void>): Promise<void> {
    const look = () =>
      void stat(path).then(
        ({ size }) => this.show(this.written + Math.min(size, bytes)),
        () => undefined,
      );
    const timer = setInterval(look, WATCH_MS);
    try {
      await copying;
    } finally {
      clearInterval(timer);
    }
    this.add(bytes);
  }

  /** Only now the file is in its place. */
  done(): void {
    this.report?.({ fraction: 1 });
  }

  private show(bytes: number): void {
    const fraction = bytes / this.total;
    if (fraction - this.reported < STEP) return;
    this.reported = fraction;
    this.report?.({ fraction });
  }
}
