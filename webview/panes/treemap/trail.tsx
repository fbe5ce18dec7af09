/** The groups from the root to the one shown, each a way back. */
import { Icon } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';

export interface TrailProps {
  readonly trail: readonly { readonly path: string; readonly label: string }[];
  readonly onPath: (path: string) => void;
}

export function Trail({ trail, onPath }: TrailProps) {
  if (trail.length === 0) return null;
  return (
    <nav class="trail" aria-label={t('treemap.trail')}>
      <button type="button" class="link" onClick={() => onPath('')}>
        {t('treemap.all')}
      </button>
      {trail.map((group, i) => (
        <span key={group.path}>
          <Icon name="chevron-right" />
          {i === trail.length - 1 ? (
            <span aria-current="location">{group.label}</span>
          ) : (
            <button type="button" class="link" onClick={() => onPath(group.path)}>
              {group.label}
            </button>
          )}
        </span>
      ))}
    </nav>
  );
}
