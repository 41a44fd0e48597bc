// Every staff page and state about requests: no barriers, in light and dark; sound HTML; its budget; 320 to 1920 px; the keyboard; paper.

import { staffPages } from '../pages.mjs';
import { everyPage } from '../kit/every-page.mjs';

everyPage(
  'every page about requests',
  staffPages.filter((page) => page.route.startsWith('/admin/requests')),
);
