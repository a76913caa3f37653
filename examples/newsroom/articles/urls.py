from django.urls import path
from django.views.decorators.cache import cache_control

from articles import views
from articles.feeds import LatestArticles

app_name = "articles"
urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("search/", views.Search.as_view(), name="search"),
    path("section/<slug:slug>/", views.SectionPage.as_view(), name="section"),
    path("tag/<slug:slug>/", views.TagPage.as_view(), name="tag"),
    path("articles/<slug:slug>/", views.ArticlePage.as_view(), name="article"),
    path("articles/<slug:slug>/edit/", views.Edit.as_view(), name="edit"),
    path("articles/<slug:slug>/delete/", views.Delete.as_view(), name="delete"),
    path("articles/<slug:slug>/comments/<int:pk>/delete/", views.DeleteComment.as_view(), name="delete_comment"),
    path("articles/<slug:slug>/comments/", views.PostComment.as_view(), name="comment"),
    path("desk/", views.Desk.as_view(), name="desk"),
    path("desk/write/", views.Write.as_view(), name="write"),
    path("feed/", cache_control(public=True, max_age=300)(LatestArticles()), name="feed"),
]
