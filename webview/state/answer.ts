/** What the host was asked, shown where it stands: under way, answered, or failed with a message of its own place. */
import { useEffect, useState } from 'preact/hooks';
import type { HostApi } from '../../src/protocol.ts';
import { host, messageOf } from './host.ts';

export type Answer<T> =
  | { readonly kind: 'pending' }
  | { readonly kind: 'known'; readonly view: T }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Asked anew when one of `inputs` changes; what an earlier question gives is then not shown any more.
 * @param staysTillNext the last answer stays until the next one is there: nothing flickers or moves
 */
export function useAnswer<T>(
  call: (host: HostApi) => Promise<T>,
  inputs: readonly unknown[],
  staysTillNext = false,
): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ kind: 'pending' });
  useEffect(() => {
    let isStale = false;
    const show = (next: Answer<T>): void => {
      if (!isStale) setAnswer(next);
    };
    if (!staysTillNext) show({ kind: 'pending' });
    call(host()).then(
      (view) => show({ kind: 'known', view }),
      (error: unknown) => show({ kind: 'failed', message: messageOf(error) }),
    );
    return () => {
      isStale = true;
    };
  }, inputs);
  return answer;
}

/** What a part of a dialog has the host read is given up with that part. */
export function useStopReading(): void {
  useEffect(() => {
    // a page that is closing has no one to tell, and the host gives all up with it
    return () =>
      void host()
        .stopReading()
        .catch(() => undefined);
  }, []);
}
