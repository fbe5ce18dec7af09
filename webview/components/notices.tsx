/** Short messages over the page: what failed (until dismissed), what was done (for some seconds). */
import { useEffect } from 'preact/hooks';
import { t } from '../l10n/index.ts';
import { dismissNotice } from '../state/host.ts';
import { type Notice, notices } from '../state/store.ts';
import { Icon, IconButton } from './icon.tsx';

const infoMs = 4000;

export function Notices() {
  return (
    <div class="notices" role="region" aria-label={t('notices.label')} aria-live="polite">
      {notices.value.map((notice) => (
        <NoticeView key={notice.id} notice={notice} />
      ))}
    </div>
  );
}

function NoticeView({ notice }: { readonly notice: Notice }) {
  useEffect(() => {
    if (notice.kind !== 'info') return undefined;
    const timer = setTimeout(() => dismissNotice(notice.id), infoMs);
    return () => clearTimeout(timer);
  }, [notice.id]);
  return (
    <div class={`notice ${notice.kind}`} role={notice.kind === 'error' ? 'alert' : 'status'}>
      <Icon name={notice.kind === 'error' ? 'error' : 'info'} />
      <span>{notice.text}</span>
      <IconButton icon="close" label={t('dismiss')} onClick={() => dismissNotice(notice.id)} />
    </div>
  );
}
