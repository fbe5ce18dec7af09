/** What goes together where channels go: each group's layers, with their weights before and after. */
import type { ChannelGroupView } from '../../src/protocol.ts';
import { allowApproximate } from '../state/draft.ts';
import { Icon } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { someNames } from '../lib/names.ts';

/** Further ones are told by their number. */
const shownGroups = 6;
const shownLayers = 12;

export function ChannelGroups({ groups }: { readonly groups: readonly ChannelGroupView[] }) {
  if (groups.length === 0) return null;
  const hidden = groups.length - shownGroups;
  return (
    <section class="channel-groups" tabIndex={0} aria-label={t('groups.title')}>
      {groups.slice(0, shownGroups).map((group, i) => (
        <Group key={i} group={group} />
      ))}
      {hidden > 0 && <p class="muted">{t('groups.more', { n: hidden })}</p>}
    </section>
  );
}

function Group({ group }: { readonly group: ChannelGroupView }) {
  const { channels, layers, blocked } = group;
  const hidden = layers.length - shownLayers;
  return (
    <table class="plain channel-group">
      <caption>
        {blocked === undefined ? (
          <>{t('groups.channels', { before: channels.before, after: channels.after })}</>
        ) : (
          <span class="group-blocked">
            <Icon name="circle-slash" />{' '}
            {t('groups.blocked', { n: channels.before, names: makers(group), reason: blocked })}{' '}
            {group.canGoApproximately === true && (
              <button
                type="button"
                class="link"
                title={t('prune.approximate.hint')}
                onClick={allowApproximate}
              >
                {t('groups.allow')}
              </button>
            )}
          </span>
        )}
      </caption>
      {blocked === undefined && (
        <tbody>
          {layers.slice(0, shownLayers).map((layer) => (
            <tr key={layer.layerId}>
              <th scope="row">{layer.name}</th>
              <td class="muted">{t(layer.isMaker ? 'groups.maker' : 'groups.pulled')}</td>
              <td class="numeric">
                {layer.before === layer.after ? (
                  <span class="shape">{layer.after}</span>
                ) : (
                  <>
                    <span class="shape before">{layer.before}</span>{' '}
                    <span class="shape">→ {layer.after}</span>
                  </>
                )}
              </td>
            </tr>
          ))}
          {hidden > 0 && (
            <tr>
              <td colSpan={3} class="muted">
                {t('layers.more', { n: hidden })}
              </td>
            </tr>
          )}
        </tbody>
      )}
    </table>
  );
}

function makers({ layers }: ChannelGroupView): string {
  return someNames(layers.filter((l) => l.isMaker).map((l) => l.name));
}
